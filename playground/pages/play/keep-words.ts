/** What the page says of a run that was downloaded, opened or put into a link: to whom it is of use, and what is in it. */
import { whole } from "../../widgets/numbers.ts";

/** How far a run is. */
export interface Steps {
  readonly step: number;
  readonly numSteps: number;
}

/** Of a run that was opened from a file. @param name its folder in the .zip; "" for none. */
export function openedMessage(name: string, { step, numSteps }: Steps): string {
  const run = name === "" ? "The run" : name;
  const steps = `step ${whole(step)} of ${whole(numSteps)}`;
  return step < numSteps
    ? `${run} is open, at ${steps}: “Play” continues its training.`
    : `${run} is open and finished, at ${steps}: what it writes is above.`;
}

/** Of a run that was downloaded. @param name its folder in the .zip. */
export function downloadedMessage(name: string, { step, numSteps }: Steps): string {
  const command = step < numSteps ? "resume" : "sample";
  return `${name}.zip holds the model and the text it learnt from. Anybody can open it on this page with “Open a run (.zip)”, or unpack it into runs/ and enter: microgpt ${command} runs/${name}`;
}

/** A link that was copied. */
export interface CopiedLink {
  /** Whether the run was trained on the visitor's own text, and whether that is in the link. */
  readonly hasOwnText: boolean;
  readonly withText: boolean;
  /** Whether the run was trained with strict arithmetic, which a link implies. */
  readonly isStrict: boolean;
  /** Whether the address is this machine's own. */
  readonly isLocal: boolean;
}

/** Of a link that was copied: what it does where it is opened. */
export function linkMessage({ hasOwnText, withText, isStrict, isLocal }: CopiedLink): string {
  const losses = isStrict
    ? "the same losses, digit for digit"
    : "losses that may differ from yours in the last digits (a link trains with strict-math)";
  const what =
    hasOwnText && !withText
      ? "The link is copied, with the options only. Your text is not in it; tick “put my text in the link” to add it."
      : `The link is copied${hasOwnText ? ", with your text" : ""}. It trains the model anew, to ${losses}.`;
  return isLocal ? `${what} It opens on this machine only: to share the run, download it.` : what;
}
