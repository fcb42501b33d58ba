import { createPrivateKey } from "node:crypto";

/**
 * A certificate for 127.0.0.1, valid from 2020 to 2120, that nobody trusts, and its key. Both are for these tests alone:
 * `openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1`, `openssl ca -selfsign`.
 */
const KEY =
  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgnAjaFv9sIR9zMKz18lCo/er5sfNSGcTPwTzEEdnJ3zGhRANCAATAPryaJVNerFc5jdYL" +
  "S7bW4TsHtxz1Pq7emwXqlDdUb4YHTGngcmjW78S1AFlwIfHqHeloF+Qr6E/mUukdbxON";
const CERTIFICATE =
  "MIIBZTCCAQqgAwIBAgIBATAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1taWNyb2dwdC10ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAw" +
  "WjAYMRYwFAYDVQQDDA1taWNyb2dwdC10ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEwD68miVTXqxXOY3WC0u21uE7B7cc9T6u3psF6pQ3VG+G" +
  "B0xp4HJo1u/EtQBZcCHx6h3paBfkK+hP5lLpHW8TjaNDMEEwDwYDVR0RBAgwBocEfwAAATAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBRAkRBw2ebo" +
  "ezBsTRXe9gPNXODaNDAKBggqhkjOPQQDAgNJADBGAiEA3Fmn0QuX37Qs4QtWFHv5SxeuV6/X8zL5ZRZUyPw0ZqACIQCh9c19CQ5F7+PxX9gRHn8OrVD3" +
  "rfzljqHdPMeN9k64JQ==";

export const cert: string = `-----BEGIN CERTIFICATE-----\n${CERTIFICATE}\n-----END CERTIFICATE-----\n`;

export const key: string = createPrivateKey({ key: Buffer.from(KEY, "base64"), format: "der", type: "pkcs8" })
  .export({ format: "pem", type: "pkcs8" })
  .toString();
