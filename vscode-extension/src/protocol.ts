// What the server says besides the language server protocol. The layout view reads these types too, so this
// file imports nothing.

export interface Position {
  line: number;
  character: number;
}

export interface Location {
  uri: string;
  range: { start: Position; end: Position };
}

export type HeldKind = 'local' | 'upvar' | 'awaitee' | 'flag' | 'temporary';

/** One thing that a future keeps. */
export interface Held {
  name: string;
  kind: HeldKind;
  type: string | null;
  size: number;
  offset: number;
  why: string | null;
  location: Location | null;
  /** The future that it is, for `futurelens/layout`. */
  future: string | null;
}

/** What the bytes of a state are there for: together they are the future's size. */
export interface Bytes {
  held: number;
  tag: number;
  /** Nothing in any state. */
  padding: number;
  /** What only other states use. */
  free: number;
}

/** What a future holds while it is suspended at one place. */
export interface State {
  name: string;
  /** Not of older servers. */
  bytes?: Bytes;
  /** What the future would take if it held nothing else: those with most decide its size. Not of older servers. */
  needs?: number | null;
  location: Location | null;
  held: Held[];
}

/** A future and the futures stored in it. */
export interface Nested {
  id: string | null;
  name: string;
  size: number;
  /** Bytes that none of `children` has. */
  own: number;
  children: Nested[];
}

export interface Instance {
  id: string;
  size: number;
  arguments: [string, string][];
}

/** The answer to `futurelens/layout`. */
export interface Layout {
  id: string;
  name: string;
  kind: string;
  type: string;
  size: number;
  align: number;
  /** Bytes; `null` where cache lines are not shown. */
  cacheLine: number | null;
  /** Bytes that say in which state the future is. */
  discriminant: number;
  stale: boolean;
  location: Location | null;
  instances: Instance[];
  states: State[];
  upvars: Held[];
  nested: Nested | null;
  /** The same in words. */
  text: string;
}

/** One line of the answer to `futurelens/report`. */
export interface ReportedFuture {
  id: string;
  name: string;
  kind: string;
  crate: string;
  unit: string;
  size: number;
  cacheLines: number | null;
  location: Location | null;
  budget: number | null;
  overBudget: boolean;
  /** Bytes in the build before; `null` if it was not there. */
  before: number | null;
  stale: boolean;
}

export interface Report {
  workspaces: {
    root: string;
    compiler: string | null;
    profile: string;
    target: string | null;
    futures: ReportedFuture[];
  }[];
}

/** `futurelens/status`. */
export interface Status {
  root: string;
  state: 'idle' | 'building' | 'stale' | 'error';
  message: string | null;
  crate: string | null;
  done: number | null;
  total: number | null;
  compiler: string | null;
}

/** From the extension to the layout view. */
export type ToView =
  | { type: 'layout'; layout: Layout; back: boolean; follow: boolean }
  | { type: 'nothing'; text: string; back: boolean; follow: boolean };

/** From the layout view to the extension. Places are named by index, so that a view can only lead to where the
 * server's answer leads. */
export type FromView =
  | { type: 'ready' }
  | { type: 'open'; id: string }
  | { type: 'back' }
  | { type: 'copy' }
  | { type: 'follow'; on: boolean }
  | { type: 'go'; state: number | null; held: number | null };
