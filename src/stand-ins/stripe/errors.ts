/** The `error` of a Stripe answer; `type` is what the SDK calls `rawType`. */
interface ErrorBody {
  type: string;
  message: string;
  code?: string;
  param?: string;
  [extra: string]: unknown;
}

/**
 * An answer of Stripe that is an error. `executed` tells a refusal after the endpoint began (Stripe keeps it
 * under the idempotency key and says `stripe-should-retry: false`) from one of validation (it does neither):
 * docs.stripe.com/api/idempotent_requests, and the header sets of the recorded answers.
 */
export class StripeRefusal extends Error {
  readonly status: number;
  readonly error: ErrorBody;
  readonly executed: boolean;

  constructor(status: number, error: ErrorBody, options: { executed?: boolean } = {}) {
    super(error.message);
    this.name = 'StripeRefusal';
    this.status = status;
    this.error = error;
    this.executed = options.executed ?? false;
  }
}

/** A plain 400 `invalid_request_error`. */
export function invalid(message: string, param?: string, code?: string): StripeRefusal {
  return new StripeRefusal(400, {
    type: 'invalid_request_error',
    message,
    ...(code === undefined ? {} : { code }),
    ...(param === undefined ? {} : { param }),
  });
}

const OTHER_MODE = {
  true: 'a similar object exists in live mode, but a test mode key was used to make this request.',
  false: 'a similar object exists in test mode, but a live mode key was used to make this request.',
};

/**
 * `resource_missing`. The object of the URL is missing with 404; one that a parameter names, with 400
 * (recorded: "No such price: 'invalid'" on POST /v1/subscriptions). `foundInLiveMode` adds the wrong-mode
 * suffix.
 */
export function missing(
  kind: string,
  id: string,
  at: { param: string; status?: 400 | 404; foundInLiveMode?: boolean | undefined },
): StripeRefusal {
  const hint = at.foundInLiveMode === undefined ? '' : `; ${OTHER_MODE[`${at.foundInLiveMode}`]}`;
  return new StripeRefusal(at.status ?? 404, {
    type: 'invalid_request_error',
    code: 'resource_missing',
    message: `No such ${kind}: '${id}'${hint}`,
    param: at.param,
  });
}

export function unrecognizedUrl(method: string, path: string): StripeRefusal {
  return new StripeRefusal(404, {
    type: 'invalid_request_error',
    message:
      `Unrecognized request URL (${method}: ${path}). ` +
      'Please see https://stripe.com/docs or we can help at https://support.stripe.com/.',
  });
}
