/**
 * Native code is not available on this machine: the one error of `CompileNative` that a training survives, in another
 * engine. The message is a clause for the user, such as "no C compiler (cc, clang, gcc)".
 */
export class NativeUnavailable extends Error {
  override readonly name = "NativeUnavailable";
}
