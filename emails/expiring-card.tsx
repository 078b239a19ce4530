import type { ExpiringCard } from '../src/core/mail.ts';
import type { App } from './app.ts';
import { Action } from './components/action.tsx';
import { type Fact, factLines, Facts } from './components/facts.tsx';
import { Layout } from './components/layout.tsx';
import { momentIn, monthName } from './components/moment.ts';
import { cardText, priceText } from './components/money.ts';
import { Paragraph, Subtitle, Title } from './components/text.tsx';
import type { Mail } from './mail.ts';

export interface ExpiringCardProps extends ExpiringCard {
  readonly app: App;
}

/** To the customer: the card that pays for the subscription expires, and where to put a new one. */
export default function ExpiringCardMail(props: ExpiringCardProps) {
  const { app } = props;
  return (
    <Layout title={subject(props)} preheader={preheader(props)} footer={footer(props)} brand={app.name}>
      <Title>Your card expires at the end of {month(props)}</Title>
      <Paragraph>{opening(props)}</Paragraph>
      <Facts facts={facts(props)} />
      <Subtitle>What to do</Subtitle>
      <Paragraph>{whatToDo(props)}</Paragraph>
      {app.url === undefined ? null : <Action href={app.url}>Update the card</Action>}
    </Layout>
  );
}

function subject(props: ExpiringCardProps): string {
  return `Your card for ${props.app.name} expires at the end of ${month(props)}`;
}

function text(props: ExpiringCardProps): string {
  const { url } = props.app;
  return [
    `Your card expires at the end of ${month(props)}.`,
    opening(props),
    factLines(facts(props)),
    `WHAT TO DO\n\n${whatToDo(props)}`,
    ...(url === undefined ? [] : [`Update the card:\n  ${url}`]),
    `-- \n${footer(props)}`,
  ].join('\n\n');
}

function preheader(props: ExpiringCardProps): string {
  return `Put a new card in place of your ${cardText(props.card)}, and the subscription goes on without a break.`;
}

function opening(props: ExpiringCardProps): string {
  return (
    `Your ${cardText(props.card)} pays for your subscription to ${props.app.name}. ` +
    `It is good to the last day of ${month(props)}; after that it cannot be charged.`
  );
}

function facts({ teamName, card, expMonth, expYear, nextCharge, timeZone }: ExpiringCardProps): Fact[] {
  return [
    ...(teamName === null ? [] : [['Team', teamName] as const]),
    ['Card', cardText(card)],
    ['Expires', `${String(expMonth).padStart(2, '0')}/${expYear}`],
    ...(nextCharge === null ? [] : chargeFacts(nextCharge, timeZone)),
  ];
}

function chargeFacts({ at, price }: NonNullable<ExpiringCard['nextCharge']>, timeZone: string): Fact[] {
  const { day, zone } = momentIn(at, timeZone);
  return [
    ['Next charge', `${day} (${zone})`],
    ...(price === null ? [] : [['Amount', `${priceText(price)}, before any discounts and taxes`] as const]),
  ];
}

function whatToDo({ app }: ExpiringCardProps): string {
  const where = app.url === undefined ? 'in your account settings' : 'on the page below';
  return (
    `Put a new card in its place ${where}, or the new date if your bank has sent you the same card again. ` +
    `If you have done so already, there is nothing to do.`
  );
}

function footer({ app, teamName }: ExpiringCardProps): string {
  const whose = teamName === null ? 'your subscription' : `the subscription of the team ${teamName}`;
  return `You get this once for each card and expiry date, because ${whose} to ${app.name} is paid with it.`;
}

function month({ expMonth, expYear }: ExpiringCardProps): string {
  return monthName(expMonth, expYear);
}

const previewProps: ExpiringCardProps = {
  app: { name: 'Acme Boards', url: 'https://app.example.com/settings/billing' },
  timeZone: 'America/New_York',
  teamName: 'Harbour Design',
  card: { brand: 'mastercard', last4: '4444' },
  expMonth: 2,
  expYear: 2028,
  nextCharge: { at: new Date('2028-03-09T14:00:00Z'), price: { amount: 4900, currency: 'usd' } },
};

export const mail: Mail<ExpiringCardProps> = { subject, text, Body: ExpiringCardMail, previewProps };
