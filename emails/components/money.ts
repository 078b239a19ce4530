import type { CardName, Money } from '../../src/core/mail.ts';

/**
 * Stripe counts these in whole units (docs.stripe.com/currencies#zero-decimal), and those below in thousandths
 * (#three-decimal). It differs from ISO 4217, which Intl follows: MGA has no decimals here, ISK and UGX two.
 */
const wholeUnits = new Set('bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' '));
const thousandths = new Set('bhd jod kwd omr tnd'.split(' '));

/** `€29.00`, `¥2,900` */
export function priceText({ amount, currency }: Money): string {
  const code = currency.toLowerCase();
  const digits = wholeUnits.has(code) ? 0 : thousandths.has(code) ? 3 : 2;
  return new Intl.NumberFormat('en', {
    style: 'currency',
    currency: code,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(amount / 10 ** digits);
}

const brands: Record<string, string> = {
  amex: 'American Express',
  cartes_bancaires: 'Cartes Bancaires',
  diners: 'Diners Club',
  discover: 'Discover',
  eftpos_au: 'Eftpos',
  jcb: 'JCB',
  mastercard: 'Mastercard',
  unionpay: 'UnionPay',
  visa: 'Visa',
};

/** `Visa ending in 4242` */
export function cardText({ brand, last4 }: CardName): string {
  const name = (brand === null ? undefined : brands[brand]) ?? 'card';
  return last4 === null ? name : `${name} ending in ${last4}`;
}
