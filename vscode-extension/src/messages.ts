// What is shown in a message.

/** A text that may be anybody's. VS Code draws `[text](command:…)` in a message as a link. */
export function plain(text: string): string {
  return text.replaceAll('](', '] (');
}
