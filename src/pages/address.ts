/**
 * Where the network may lead: to public addresses only. The person at the keyboard may point anywhere; a redirect or an
 * answer of the name service that points into the own network would let a stranger's page read from it.
 */
import ipaddr from "ipaddr.js";
import { isIP } from "node:net";
import { AddressError } from "./page-error.ts";

export type Reach = "public" | "private" | "metadata";

/** Where clouds tell a machine its own secrets: most of them; Amazon's containers; Azure, Oracle, Alibaba. */
const METADATA = new Set(
  (
    "169.254.169.254 fd00:ec2::254 fd20:ce::254 169.254.170.2 169.254.170.23 fd00:ec2::23 " +
    "168.63.129.16 192.0.0.192 100.100.100.200"
  ).split(" "),
);
const METADATA_NAMES = new Set(["metadata.google.internal", "metadata.goog", "metadata"]);

/** IPv6 addresses that hold one of IPv4 (and lead there, if anywhere), and which byte it begins at. */
const HOLDERS = (
  [
    ["::/96", 12], // "compatible" (RFC 4291, 2.5.5.1)
    ["::ffff:0:0:0/96", 12], // translated (RFC 2765)
    ["64:ff9b:1::/48", 12], // local NAT64 (RFC 8215)
    ["2002::/16", 2], // 6to4 (RFC 3056)
    ["64:ff9b::/96", 12], // NAT64 (RFC 6052)
  ] as const
).map(([range, at]) => ({ range: ipaddr.IPv6.parseCIDR(range), at, isWayOut: range === "64:ff9b::/96" }));

/** All that has been given out of IPv6 (RFC 4291, 2.4); what will be given out later is not trusted before. */
const GIVEN_OUT = ipaddr.IPv6.parseCIDR("2000::/3");

/** An IPv4 or IPv6 address, in whatever notation: who can be behind it. An IPv4 address within IPv6 counts as itself. */
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
    if (!parsed.match(GIVEN_OUT)) return "private";
  }
  return parsed.range() === "unicast" ? "public" : "private";
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
 * Throws AddressError if a request must not go there, as far as the address itself tells; names are looked at again when
 * they are resolved. @param isTyped whether it is of the very site that was typed, not of one that it led to.
 */
export function checkDestination(url: URL, isTyped: boolean, allowedHosts: ReadonlySet<string>): void {
  const host = hostOf(url);
  if (allowedHosts.has(host)) return;
  const reach = isIP(host) !== 0 ? reachOf(host) : isLocalName(host) ? "private" : "public";
  if (reach === "metadata" || METADATA_NAMES.has(host)) {
    throw new AddressError(`${host} is a cloud's metadata service, which holds secrets; --allow-host ${host} reads it`);
  }
  if (reach === "private" && !isTyped) {
    throw new AddressError(`it leads to ${host}, an address of a private network; --allow-host ${host} follows it`);
  }
}

/**
 * What is wrong with the answers of the name service: that one of them is not public; or, for a name that `mayBePrivate`,
 * is a metadata service. null: nothing.
 */
export function refusalOf(
  host: string,
  addresses: readonly { readonly address: string }[],
  mayBePrivate: boolean = false,
): AddressError | null {
  for (const { address } of addresses) {
    const reach = reachOf(address);
    if (reach === "public" || (reach === "private" && mayBePrivate)) continue;
    const what = reach === "private" ? "an address of a private network" : "a cloud's metadata service";
    return new AddressError(`the name ${host} stands for ${address}, ${what}; --allow-host ${host} reads it`);
  }
  return null;
}
