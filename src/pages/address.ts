/**
 * Where the network may lead: to public addresses only. The person at the keyboard may point anywhere; a redirect or an
 * answer of the name service that points into the own network would let a stranger's page read from it.
 */
import ipaddr from "ipaddr.js";
import { isIP } from "node:net";
import { PageError } from "./page-error.ts";

export type Reach = "public" | "private" | "metadata";

/** Where clouds tell a machine its own secrets. */
const METADATA = new Set(["169.254.169.254", "fd00:ec2::254", "100.100.100.200"]);
const METADATA_NAMES = new Set(["metadata.google.internal", "metadata"]);

/** An IPv4 or IPv6 address, in whatever notation: who can be behind it. An IPv4 address within IPv6 counts as itself. */
export function reachOf(address: string): Reach {
  if (!ipaddr.isValid(address)) return "private";
  const parsed = ipaddr.process(address);
  if (METADATA.has(parsed.toString())) return "metadata";
  const range = parsed.range();
  // NAT64 (RFC 6052): the last 32 bits are the IPv4 address that is reached through 64:ff9b::/96.
  if (range === "rfc6052" && parsed instanceof ipaddr.IPv6 && parsed.parts[2] === 0) {
    return reachOf(new ipaddr.IPv4(parsed.toByteArray().slice(12)).toString());
  }
  return range === "unicast" ? "public" : "private";
}

/** `[::1]` → `::1`, `localhost.` → `localhost`; lower case. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");

const isLocalName = (host: string): boolean => host === "localhost" || host.endsWith(".localhost");

/** Whether a person who types this address means a machine of their own network, beyond doubt. */
export function isPlainlyPrivate(url: URL): boolean {
  const host = hostOf(url);
  return isLocalName(host) || (isIP(host) !== 0 && reachOf(host) === "private");
}

/**
 * Throws PageError if a request must not go there, as far as the address itself tells; names are looked at again when
 * they are resolved. @param isTyped whether it is of the very site that was typed, not of one that it led to.
 */
export function checkDestination(url: URL, isTyped: boolean, allowedHosts: ReadonlySet<string>): void {
  const host = hostOf(url);
  if (allowedHosts.has(host)) return;
  const reach = isIP(host) !== 0 ? reachOf(host) : isLocalName(host) ? "private" : "public";
  if (reach === "metadata" || METADATA_NAMES.has(host)) {
    throw new PageError(`${host} is a cloud's metadata service, which holds secrets; --allow-host ${host} reads it`);
  }
  if (reach === "private" && !isTyped) {
    throw new PageError(`it leads to ${host}, an address of a private network; --allow-host ${host} follows it`);
  }
}

/** What is wrong with the answers of the name service: that one of them is not public. null: nothing. */
export function refusalOf(host: string, addresses: readonly { readonly address: string }[]): PageError | null {
  const inward = addresses.find(({ address }) => reachOf(address) !== "public");
  if (inward === undefined) return null;
  return new PageError(
    `the name ${host} stands for ${inward.address}, an address of a private network; --allow-host ${host} reads it`,
  );
}
