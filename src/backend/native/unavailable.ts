/** Why a machine has no native code: the one error of `CompileNative` that a training survives, in another engine. */

/** What is missing or failed. Programs branch on it, never on the message. */
export type NativeFailure =
  | "no-compiler"
  | "no-koffi"
  | "compiler-failed"
  | "compiler-hung"
  | "not-loadable"
  | "machine-failed";

/** Native code is not available on this machine. The message is a clause for the user, such as "no C compiler (cc, clang, gcc)". */
export class NativeUnavailable extends Error {
  /** What is missing or failed. */
  readonly reason: NativeFailure;
  /** Path of a file with the compiler's output, which the message names, too; null if there is none. */
  readonly log: string | null;

  /** @param log as the field. */
  constructor(reason: NativeFailure, message: string, log: string | null = null) {
    super(message);
    this.name = "NativeUnavailable";
    this.reason = reason;
    this.log = log;
  }
}
