import { StripeRefusal } from './errors.ts';

/**
 * The mode of the key: true for a live one. Bearer as the SDK sends it, or Basic with the key as the user
 * (docs.stripe.com/api/authentication). Any key of Stripe's form is taken unless the stand-in was given its
 * own.
 */
export function authenticate(authorization: string | undefined, apiKey: string | undefined): boolean {
  const key = keyOf(authorization);
  if (key === undefined) {
    throw refuse(
      'You did not provide an API key. You need to provide your API key in the Authorization header, ' +
        "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
    );
  }
  const form = /^(?:sk|rk)_(test|live)_\w+$/.exec(key);
  if (form === null || (apiKey !== undefined && key !== apiKey)) {
    throw refuse(`Invalid API Key provided: ${masked(key)}`);
  }
  return form[1] === 'live';
}

function keyOf(authorization: string | undefined): string | undefined {
  const [scheme, value] = (authorization ?? '').split(' ');
  if (scheme === 'Bearer' && value) return value;
  if (scheme === 'Basic' && value) return Buffer.from(value, 'base64').toString().split(':')[0];
  return undefined;
}

function masked(key: string): string {
  return key.length <= 12
    ? '*'.repeat(key.length)
    : `${key.slice(0, 8)}${'*'.repeat(key.length - 12)}${key.slice(-4)}`;
}

function refuse(message: string): StripeRefusal {
  return new StripeRefusal(401, { type: 'invalid_request_error', message });
}
