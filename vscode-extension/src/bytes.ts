// How sizes are written. The layout view uses this too.

/** `4,100 B` */
export function bytes(size: number): string {
  return `${grouped(size)} B`;
}

/** `65 cache lines` */
export function lines(count: number): string {
  return count === 1 ? '1 cache line' : `${grouped(count)} cache lines`;
}

/** Digits in groups of three, as the server's own tables have them. */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ',');
}
