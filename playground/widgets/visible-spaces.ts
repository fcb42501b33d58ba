/** White space that can be seen: a space as `␣`, a line end as `⏎`, a tab as `⇥`. */
export const visibleSpaces = (text: string): string =>
  text.replaceAll(" ", "␣").replaceAll("\r", "").replaceAll("\n", "⏎").replaceAll("\t", "⇥");
