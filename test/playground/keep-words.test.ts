/** What the page says of a run that was downloaded, opened or put into a link. */
import { expect, test } from "vitest";
import { downloadedMessage, linkMessage, openedMessage } from "../../playground/pages/play/keep-words.ts";

const LINK = { hasOwnText: true, withText: true, isStrict: false, isLocal: false };

test("a link without the text claims neither the model nor its losses", () => {
  expect(linkMessage({ ...LINK, withText: false })).toBe(
    "The link is copied, with the options only. Your text is not in it; tick “put my text in the link” to add it.",
  );
});

test("a link promises equal losses only for a run with strict arithmetic", () => {
  expect(linkMessage({ ...LINK, isStrict: true })).toBe(
    "The link is copied, with your text. It trains the model anew, to the same losses, digit for digit.",
  );
  expect(linkMessage({ ...LINK, hasOwnText: false, withText: false })).toBe(
    "The link is copied. It trains the model anew, to losses that may differ from yours in the last digits (a link trains with strict-math).",
  );
});

test("a link to this machine is of no use elsewhere", () => {
  expect(linkMessage({ ...LINK, isLocal: true })).toMatch(
    /It opens on this machine only: to share the run, download it\.$/,
  );
});

test("a download names the command that is of use: a finished run is not resumed", () => {
  expect(downloadedMessage("run-9", { step: 9, numSteps: 500 })).toMatch(/microgpt resume runs\/run-9$/);
  expect(downloadedMessage("run-500", { step: 500, numSteps: 500 })).toMatch(/microgpt sample runs\/run-500$/);
});

test("a run that was opened says how far it is", () => {
  expect(openedMessage("", { step: 7, numSteps: 1200 })).toBe(
    "The run is open, at step 7 of 1,200: “Play” continues its training.",
  );
  expect(openedMessage("names-1", { step: 500, numSteps: 500 })).toBe(
    "names-1 is open and finished, at step 500 of 500: what it writes is above.",
  );
});
