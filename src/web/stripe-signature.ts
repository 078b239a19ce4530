import { createHmac, timingSafeEqual } from 'node:crypto';

/** Seconds that a signature may differ from our clock, as in Stripe's own libraries. */
const toleranceSeconds = 300;

/** What is wrong with a webhook's signature; undefined when nothing is. */
export type SignatureProblem = 'malformed' | 'wrong' | 'stale' | 'future';

/**
 * Checks a `Stripe-Signature` header: `t=SECONDS,v1=HEX[,v1=HEX…]`, each `v1` the HMAC-SHA256 of `t.body` with
 * a signing secret. While a secret is rotated Stripe signs with both, and either may be the one known here
 * (docs.stripe.com/webhooks, "Verify webhook signatures manually").
 *
 * A timestamp from the future is refused like a stale one, which Stripe's libraries do not do: kept for later,
 * such a message would outlive the tolerance. Clocks that differ a little are within it.
 *
 * @param body as it came: a body parsed and written anew has another signature
 */
export function signatureProblem(
  header: string | undefined,
  body: Uint8Array,
  secrets: readonly string[],
  now: Date,
): SignatureProblem | undefined {
  const parts = (header ?? '').split(',').map((part) => part.trim().split('=', 2));
  const timestamp = parts.find(([name]) => name === 't')?.[1] ?? '';
  const signatures = parts
    .filter(([name]) => name === 'v1')
    .map(([, value = '']) => Buffer.from(value, 'hex'));
  if (!/^\d{1,12}$/.test(timestamp) || signatures.length === 0) return 'malformed';

  const expected = secrets.map((secret) =>
    createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest(),
  );
  const matches = signatures.some((signature) =>
    expected.some((own) => own.length === signature.length && timingSafeEqual(own, signature)),
  );
  if (!matches) return 'wrong';
  const ageSeconds = Math.floor(now.getTime() / 1000) - Number(timestamp);
  if (ageSeconds > toleranceSeconds) return 'stale';
  return ageSeconds < -toleranceSeconds ? 'future' : undefined;
}
