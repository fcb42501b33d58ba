/**
 * Rate limits: hosts in parallel, requests to one host in sequence with a pause between them; and retries with back-off
 * where a server is busy.
 */
import PQueue from "p-queue";
import pRetry from "p-retry";
import type { Answer } from "./download.ts";
import { PageError } from "./page-error.ts";

/** Requests at once to one host; a request per second, unless its robots.txt asks for a longer pause. */
const CONCURRENCY = 2;
const PAUSE_MS = 1000;

/** Downloads at once, of all hosts: enough that a few slow hosts do not hold up the others. */
export const DOWNLOADS = 64;

/** The queue of one host. @param pauseMs between the starts of two requests; null: the default. */
export function hostQueue(pauseMs: number | null): PQueue {
  const interval = pauseMs ?? PAUSE_MS;
  return interval === 0
    ? new PQueue({ concurrency: CONCURRENCY })
    : new PQueue({ concurrency: CONCURRENCY, interval, intervalCap: 1 });
}

const TRIES = 3;
/** The longest pause before the second try, doubled before the third. Pauses are random, so that retries spread out. */
const BACKOFF_MS = 1000;
/** A server that asks for a longer wait than this is not tried again. */
const MAX_WAIT_MS = 120_000;

/** Retries what may succeed later. Throws the last PageError. */
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

/** Throws PageError for a status other than 2xx and 304. */
function checkStatus(answer: Answer): Answer {
  const { status, headers } = answer;
  if ((status >= 200 && status < 300) || status === 304) return answer;
  const temporary = status === 429 || status >= 500;
  const afterMs = temporary ? readRetryAfter(headers["retry-after"]) : null;
  const wait =
    afterMs !== null && afterMs > MAX_WAIT_MS ? `, and asks to wait ${Math.ceil(afterMs / 60_000)} minutes` : "";
  throw new PageError(`its server answers with status ${status}${wait}`, { temporary, afterMs });
}

/** Retry-After, in seconds or as a date (RFC 9110, 10.2.3) → milliseconds from now; null if it is neither, or past. */
export function readRetryAfter(header: string | string[] | undefined): number | null {
  if (typeof header !== "string") return null;
  const waitMs = /^\d+$/.test(header.trim()) ? 1000 * Number(header) : Date.parse(header) - Date.now();
  return waitMs > 0 ? waitMs : null;
}
