/**
 * Which addresses a page may come from. The user may name any; a redirect or a DNS answer may lead to public ones only,
 * because a stranger's page could otherwise read from the user's own network (server-side request forgery).
 */
import ipaddr from "ipaddr.js";
import { isIP } from "node:net";
import { AddressError } from "./page-error.ts";

/** Who can be behind an address: anyone, the own network, or a cloud's metadata service. */
export type Reach = "public" | "private" | "metadata";

/**
 * Metadata services, where clouds give a machine its secrets: most clouds; Amazon ECS and EKS; Azure, Oracle, Alibaba.
 */
const METADATA = new Set(
  (
    "169.254.169.254 fd00:ec2::254 fd20:ce::254 169.254.170.2 169.254.170.23 fd00:ec2::23 " +
    "168.63.129.16 192.0.0.192 100.100.100.200"
  ).split(" "),
);
const METADATA_NAMES = new Set(["metadata.google.internal", "metadata.goog", "metadata"]);

/** IPv6 ranges that embed an IPv4 address and route to it, with the byte at which it begins. */
const HOLDERS = (
  [
    ["::/96", 12], // "compatible" (RFC 4291, 2.5.5.1)
    ["::ffff:0:0:0/96", 12], // translated (RFC 2765)
    ["64:ff9b:1::/48", 12], // local NAT64 (RFC 8215)
    ["2002::/16", 2], // 6to4 (RFC 3056)
    ["64:ff9b::/96", 12], // NAT64 (RFC 6052)
  ] as const
).map(([range, at]) => ({ range: ipaddr.IPv6.parseCIDR(range), at, isWayOut: range === "64:ff9b::/96" }));

/** The allocated range of IPv6 (RFC 4291, 2.4); the rest is not trusted. */
const ALLOCATED = ipaddr.IPv6.parseCIDR("2000::/3");

/** Who can be behind an IPv4 or IPv6 address, in any notation. An IPv4 address embedded in IPv6 counts as itself. */
export function reachOf(address: string): Reach {
  if (!ipaddr.isValid(address)) return "private";
  const parsed = ipaddr.process(address);
  if (METADATA.has(parsed.toString())) return "metadata";
  if (parsed instanceof ipaddr.IPv6) {
    const holder = HOLDERS.find(({ range }) => parsed.match(range));
    if (holder !== undefined) {
      const held = reachOf(
        parsed
          .toByteArray()
          .slice(holder.at, holder.at + 4)
          .join("."),
      );
      return held === "public" && !holder.isWayOut ? "private" : held;
    }
    if (!parsed.match(ALLOCATED)) return "private";
  }
  return parsed.range() === "unicast" ? "public" : "private";
}

/** `[::1]` → `::1`, `localhost.` → `localhost`; lower case. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");

const isLocalName = (host: string): boolean => host === "localhost" || host.endsWith(".localhost");

/** Whether the user who typed this address can only mean a machine of their own network. */
export function isPlainlyPrivate(url: URL): boolean {
  const host = hostOf(url);
  return isLocalName(host) || (isIP(host) !== 0 && reachOf(host) === "private");
}

/**
 * Throws AddressError if a request must not go there, judged by the URL alone; names are checked again when they are
 * resolved. @param isTyped whether the user typed this site; false for one that a redirect leads to.
 */
export function checkDestination(url: URL, isTyped: boolean, allowedHosts: ReadonlySet<string>): void {
  const host = hostOf(url);
  if (allowedHosts.has(host)) return;
  const reach = isIP(host) !== 0 ? reachOf(host) : isLocalName(host) ? "private" : "public";
  if (reach === "metadata" || METADATA_NAMES.has(host)) {
    throw new AddressError(
      `${host} is a cloud's metadata service, which holds secrets; --allow-host ${host} allows it`,
    );
  }
  if (reach === "private" && !isTyped) {
    throw new AddressError(`it redirects to ${host}, an address in a private network; --allow-host ${host} allows it`);
  }
}

/**
 * Checks DNS answers: an error if one of them is not public, or, for a name that `mayBePrivate`, is a metadata service;
 * null if all may be used.
 */
export function refusalOf(
  host: string,
  addresses: readonly { readonly address: string }[],
  mayBePrivate: boolean = false,
): AddressError | null {
  for (const { address } of addresses) {
    const reach = reachOf(address);
    if (reach === "public" || (reach === "private" && mayBePrivate)) continue;
    const what = reach === "private" ? "an address in a private network" : "a cloud's metadata service";
    return new AddressError(`${host} resolves to ${address}, ${what}; --allow-host ${host} allows it`);
  }
  return null;
}
