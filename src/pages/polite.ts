/**
 * Manners: hosts side by side, one after another within a host, with a pause in between; and another try, later, where a
 * server is busy.
 */
import PQueue from "p-queue";
import pRetry from "p-retry";
import type { Answer } from "./download.ts";
import { PageError } from "./page-error.ts";

/** At most so many requests at once to a host, and one a second, where its robots.txt does not ask for more. */
const CONCURRENCY = 2;
const PAUSE_MS = 1000;

/** Downloads at once, of all hosts: so many that some slow hosts don't make the others wait. */
export const DOWNLOADS = 64;

/** @param pauseMs between the beginnings of two requests. */
export function hostQueue(pauseMs: number | null): PQueue {
  const interval = pauseMs ?? PAUSE_MS;
  return interval === 0
    ? new PQueue({ concurrency: CONCURRENCY })
    : new PQueue({ concurrency: CONCURRENCY, interval, intervalCap: 1 });
}

const TRIES = 3;
/** Before the second try up to this, before the third up to twice as long; by chance, so that not all come back at once. */
const BACKOFF_MS = 1000;
/** A server that wants us to wait longer than this is left alone. */
const MAX_WAIT_MS = 120_000;

/** Tries again where that may help. Throws PageError: the last one's. */
export async function withRetries(attempt: () => Promise<Answer>): Promise<Answer> {
  return await pRetry(async () => checkStatus(await attempt()), {
    retries: TRIES - 1,
    minTimeout: 0,
    shouldRetry: ({ error }) => error instanceof PageError && error.temporary && (error.afterMs ?? 0) <= MAX_WAIT_MS,
    async onFailedAttempt({ error, attemptNumber, retriesLeft }) {
      if (!(error instanceof PageError) || !error.temporary || retriesLeft === 0) return;
      if ((error.afterMs ?? 0) > MAX_WAIT_MS) return;
      const waitMs = error.afterMs ?? Math.random() * BACKOFF_MS * 2 ** (attemptNumber - 1);
      await new Promise((done) => setTimeout(done, waitMs));
    },
  });
}

/** Throws PageError for an answer that is no page. */
function checkStatus(answer: Answer): Answer {
  const { status, headers } = answer;
  if ((status >= 200 && status < 300) || status === 304) return answer;
  const temporary = status === 429 || status >= 500;
  const afterMs = temporary ? readRetryAfter(headers["retry-after"]) : null;
  const wait =
    afterMs !== null && afterMs > MAX_WAIT_MS ? `, and wants ${Math.ceil(afterMs / 60_000)} minutes to pass` : "";
  throw new PageError(`its server answers with status ${status}${wait}`, { temporary, afterMs });
}

/** Seconds or a date (RFC 9110, 10.2.3) → milliseconds from now; null for what is neither, or past. */
export function readRetryAfter(header: string | string[] | undefined): number | null {
  if (typeof header !== "string") return null;
  const waitMs = /^\d+$/.test(header.trim()) ? 1000 * Number(header) : Date.parse(header) - Date.now();
  return waitMs > 0 ? waitMs : null;
}
