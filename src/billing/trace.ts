import type { StripePort, Subscription } from '../core/stripe.ts';

/** What Stripe knows of a team: its traces, each of which keeps the team from being deleted. */
export interface Trace {
  /** Not over: they can still bill. */
  readonly live: Subscription[];
  /** Over, but they had begun: the team has subscribed. One that never began, `incomplete_expired`, is no trace. */
  readonly over: Subscription[];
  /** Customers that paid an invoice with money; asked only where no subscription decides. */
  readonly paidBy: string[];
  /** Everyone who was asked about, those that are known first. */
  readonly customers: string[];
}

export interface TeamInStripe {
  /** The customers of the team, as far as our data name them. */
  readonly customerIds: readonly string[];
  /** Its owner's, to the letter. */
  readonly email: string | null;
  /** Of these customers, those that are plainly another team's. */
  readonly isElsewhere: (customerIds: string[]) => Promise<Set<string>>;
}

/**
 * Asks Stripe itself what it knows of a team before something irreversible is done to it (docs/protocol.md): by id,
 * whatever the mirror says of that customer, and by its owner's exact e-mail, for a checkout can make a customer that
 * our data do not name yet. A customer found by e-mail alone counts unless it is plainly another team's: one owner
 * may have several teams.
 *
 * Whatever Stripe refuses passes through. So does a known customer that it has no record of (`not_found`), for the
 * key is then of another account or mode, and on such a picture nothing may be deleted. A deleted customer is known:
 * it has no live subscription, but it may have paid.
 */
export async function traceOfTeam(stripe: StripePort, team: TeamInStripe): Promise<Trace> {
  const known = [...new Set(team.customerIds)];
  const customers = [...known, ...(await foundByEmail(stripe, team))];
  const subscriptions: Subscription[] = [];
  for (const id of customers) subscriptions.push(...(await stripe.readCustomer(id)).subscriptions);

  const live = subscriptions.filter((one) => !one.over);
  const over = subscriptions.filter((one) => one.over && one.status !== 'incomplete_expired');
  const paidBy: string[] = [];
  if (live.length === 0 && over.length === 0) {
    for (const id of customers) if (await stripe.hasPaidInvoice(id)) paidBy.push(id);
  }
  return { live, over, paidBy, customers };
}

async function foundByEmail(
  stripe: StripePort,
  { customerIds, email, isElsewhere }: TeamInStripe,
): Promise<string[]> {
  if (email === null) return [];
  const found = (await stripe.findCustomers(email))
    .map(({ id }) => id)
    .filter((id) => !customerIds.includes(id));
  if (found.length === 0) return [];
  const elsewhere = await isElsewhere(found);
  return found.filter((id) => !elsewhere.has(id));
}
