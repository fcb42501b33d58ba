/** Numbers that the kernels of several backends share. */

/** Added to the mean square in RMSNorm, as in microgpt.py. */
export const RMSNORM_EPSILON = 1e-5;

/** Coefficients of a minimax polynomial for 2^r, |r| ≤ ½, highest power first, the last one 1; relative error below 2e-7. */
export const EXP2: readonly number[] = [0.0013264727, 0.0096715127, 0.0555073374, 0.2402224208, 0.6931469776, 1];
