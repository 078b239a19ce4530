import type { TrialEnding } from '../src/core/mail.ts';
import type { App } from './app.ts';
import { Action } from './components/action.tsx';
import { type Fact, factLines, Facts } from './components/facts.tsx';
import { Layout } from './components/layout.tsx';
import { daysUntil, momentIn } from './components/moment.ts';
import { cardText, priceText } from './components/money.ts';
import { Paragraph, Subtitle, Title } from './components/text.tsx';
import type { Mail } from './mail.ts';

export interface TrialEndingProps extends TrialEnding {
  readonly app: App;
}

/** To the customer: the trial ends, this is what will be charged, and this is the way out. */
export default function TrialEndingMail(props: TrialEndingProps) {
  const { app } = props;
  return (
    <Layout title={subject(props)} preheader={preheader(props)} footer={footer(props)} brand={app.name}>
      <Title>Your trial ends {daysUntil(props.endsAt, props.now, props.timeZone)}</Title>
      <Paragraph>{opening(props)}</Paragraph>
      <Facts facts={facts(props)} />
      <Subtitle>If you want to stay</Subtitle>
      <Paragraph>There is nothing to do: everything goes on as it is.</Paragraph>
      <Subtitle>If you do not</Subtitle>
      <Paragraph>{wayOut(props)}</Paragraph>
      {app.url === undefined ? null : <Action href={app.url}>See or cancel the subscription</Action>}
    </Layout>
  );
}

function subject({ app, endsAt, timeZone }: TrialEndingProps): string {
  return `Your ${app.name} trial ends on ${momentIn(endsAt, timeZone).shortDay}`;
}

function text(props: TrialEndingProps): string {
  const { url } = props.app;
  return [
    `Your trial ends ${daysUntil(props.endsAt, props.now, props.timeZone)}.`,
    opening(props),
    factLines(facts(props)),
    `IF YOU WANT TO STAY\n\nThere is nothing to do: everything goes on as it is.`,
    `IF YOU DO NOT\n\n${wayOut(props)}`,
    ...(url === undefined ? [] : [`See or cancel the subscription:\n  ${url}`]),
    `-- \n${footer(props)}`,
  ].join('\n\n');
}

function preheader(props: TrialEndingProps): string {
  const price = props.price === null ? 'your subscription' : priceText(props.price);
  return `After that we charge you for ${price}, unless you cancel before.`;
}

function opening({ app, endsAt, timeZone, price }: TrialEndingProps): string {
  const { day } = momentIn(endsAt, timeZone);
  const becomes = `On ${day}, your trial of ${app.name} becomes a paid subscription`;
  return price === null
    ? `${becomes}, and we charge you for the first time.`
    : `${becomes}, and we charge you ${priceText(price)}, before any discounts and taxes.`;
}

function facts({ teamName, endsAt, timeZone, price, card }: TrialEndingProps): Fact[] {
  const { day, time, zone } = momentIn(endsAt, timeZone);
  return [
    ...(teamName === null ? [] : [['Team', teamName] as const]),
    ['Trial ends', `${day} at ${time} (${zone})`],
    ...(price === null ? [] : [['Price', priceText(price)] as const]),
    ...(card === null ? [] : [['Charged to', cardText(card)] as const]),
  ];
}

function wayOut({ app, endsAt, timeZone }: TrialEndingProps): string {
  const { day, time, zone } = momentIn(endsAt, timeZone);
  const where =
    app.url === undefined ? 'in your account settings, or by answering this mail' : 'on the page below';
  return `Cancel before ${time} on ${day} (${zone}), ${where}, and you pay nothing.`;
}

function footer({ app, teamName }: TrialEndingProps): string {
  const whose = teamName === null ? 'your account' : `the team ${teamName}`;
  return `You get this because ${whose} has a trial of ${app.name}, and nobody should be charged by surprise.`;
}

const previewProps: TrialEndingProps = {
  app: { name: 'Acme Boards', url: 'https://app.example.com/settings/billing' },
  now: new Date('2026-03-26T18:10:00Z'),
  endsAt: new Date('2026-03-29T18:00:00Z'),
  timeZone: 'Europe/Berlin',
  teamName: 'Harbour Design',
  price: { amount: 2900, currency: 'eur' },
  card: { brand: 'visa', last4: '4242' },
};

export const mail: Mail<TrialEndingProps> = { subject, text, Body: TrialEndingMail, previewProps };
