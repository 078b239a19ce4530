import type { DeletionNotice } from '../src/core/mail.ts';
import type { App } from './app.ts';
import { Action } from './components/action.tsx';
import { type Fact, factLines, Facts } from './components/facts.tsx';
import { Layout } from './components/layout.tsx';
import { momentIn } from './components/moment.ts';
import { Paragraph, Subtitle, Title } from './components/text.tsx';
import type { Mail } from './mail.ts';

export interface DeletionNoticeProps extends DeletionNotice {
  readonly app: App;
}

/** To a team's owner: the team will be deleted, when and why, and how to keep it. */
export default function DeletionNoticeMail(props: DeletionNoticeProps) {
  const { app, keepUrl } = props;
  return (
    <Layout title={subject(props)} preheader={preheader(props)} footer={footer(props)} brand={app.name}>
      <Title>Your team will be deleted, unless you keep it</Title>
      <Paragraph>{opening(props)}</Paragraph>
      <Paragraph>{announcement(props)}</Paragraph>
      <Facts facts={facts(props)} />
      <Subtitle>If you want to keep it</Subtitle>
      <Paragraph>
        {howToKeep(props)} {subscribed}
      </Paragraph>
      {keepUrl === null ? null : <Action href={keepUrl}>Keep my team</Action>}
      <Subtitle>If you do not</Subtitle>
      <Paragraph>{otherwise}</Paragraph>
    </Layout>
  );
}

const subscribed = 'Once it has subscribed, it is never deleted in this way.';

const otherwise =
  'There is nothing to do. A deleted team cannot be brought back, so save what you still need before then. ' +
  "Its owner's account may be deleted with it, if it is in no other team.";

function subject({ app, deleteAfter, timeZone }: DeletionNoticeProps): string {
  return `Your ${app.name} team will be deleted after ${momentIn(deleteAfter, timeZone).shortDay}`;
}

function text(props: DeletionNoticeProps): string {
  const { keepUrl } = props;
  return [
    'Your team will be deleted, unless you keep it.',
    opening(props),
    announcement(props),
    factLines(facts(props)),
    `IF YOU WANT TO KEEP IT\n\n${howToKeep(props)}\n${subscribed}`,
    ...(keepUrl === null ? [] : [`Keep my team:\n  ${keepUrl}`]),
    `IF YOU DO NOT\n\n${otherwise}`,
    `-- \n${footer(props)}`,
  ].join('\n\n');
}

function preheader({ keepUrl }: DeletionNoticeProps): string {
  const how = keepUrl === null ? 'by subscribing, or by answering this mail' : 'with one button';
  return `It has never subscribed. You can keep it ${how}.`;
}

function opening({ app, teamName }: DeletionNoticeProps): string {
  return `${teamName === null ? 'Your team' : `Your team ${teamName}`} has never subscribed to ${app.name}.`;
}

function announcement({ deleteAfter, timeZone }: DeletionNoticeProps): string {
  const { day, time, zone } = momentIn(deleteAfter, timeZone);
  return `We will delete it and everything in it after ${day} at ${time} (${zone}), and not before.`;
}

function facts({ teamName, createdAt, deleteAfter, timeZone }: DeletionNoticeProps): Fact[] {
  const created = momentIn(createdAt, timeZone);
  const { day, time, zone } = momentIn(deleteAfter, timeZone);
  return [
    ...(teamName === null ? [] : [['Team', teamName] as const]),
    ['Created', `${created.day} (${created.zone})`],
    ['Subscription', 'none so far'],
    ['Deleted after', `${day} at ${time} (${zone})`],
  ];
}

function howToKeep({ keepUrl }: DeletionNoticeProps): string {
  return keepUrl === null
    ? 'Subscribe, or answer this mail and we keep it for you.'
    : 'On the page below, one press keeps it for another while, with all that is in it. You pay nothing and need not log in.';
}

function footer({ app, teamName }: DeletionNoticeProps): string {
  const whose = teamName === null ? 'a team' : `the team ${teamName}`;
  return `You get this because ${whose} on ${app.name} is yours to decide on, and nothing should be deleted without a word.`;
}

const previewProps: DeletionNoticeProps = {
  app: { name: 'Acme Boards', url: 'https://app.example.com/settings/billing' },
  timeZone: 'Europe/Berlin',
  teamName: 'Harbour Design',
  createdAt: new Date('2025-09-02T08:12:00Z'),
  deleteAfter: new Date('2026-03-14T08:26:53Z'),
  keepUrl: 'https://evenfall.example.com/keep/48213-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG',
};

export const mail: Mail<DeletionNoticeProps> = { subject, text, Body: DeletionNoticeMail, previewProps };
