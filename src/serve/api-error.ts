/** An error of the API: the HTTP status, and the body in OpenAI's shape. https://platform.openai.com/docs/guides/error-codes */

/** A request that cannot be answered, and why. */
export class ApiError extends Error {
  /** 400 to 503. */
  readonly status: 400 | 401 | 403 | 404 | 405 | 413 | 429 | 500 | 503;
  /** What a program can decide by, such as `model_not_found`; null: nothing more than the status. */
  readonly code: string | null;
  /** The field of the request that is wrong; null: none. */
  readonly param: string | null;

  /** @param message one sentence: what is wrong, where, and what to do. */
  constructor(status: ApiError["status"], message: string, code: string | null = null, param: string | null = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
  }
}

const TYPES: Readonly<Partial<Record<ApiError["status"], string>>> = {
  401: "authentication_error",
  403: "permission_error",
  429: "rate_limit_error",
  500: "server_error",
  503: "server_error",
};

/** The JSON of an error. */
export function errorBody({ status, message, code, param }: ApiError): object {
  return { error: { message, type: TYPES[status] ?? "invalid_request_error", param, code } };
}
