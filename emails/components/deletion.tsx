import type { DeletionNotice } from '../../src/core/mail.ts';
import type { App } from '../app.ts';
import { Action } from './action.tsx';
import { type Fact, factLines, Facts } from './facts.tsx';
import { Layout } from './layout.tsx';
import { momentIn } from './moment.ts';
import { Paragraph, Subtitle, Title } from './text.tsx';

/** What every mail about a team's deletion knows. */
export interface Deletion extends DeletionNotice {
  readonly app: App;
}

/** In which such mails differ. */
export interface DeletionWords {
  readonly subject: string;
  /** A sentence without its full stop. */
  readonly title: string;
  /** What comes before "You can keep it …". */
  readonly preheader: string;
  readonly opening: string;
}

/** The body of a mail about a team's deletion: when and what, how to keep it, and what happens otherwise. */
export function DeletionBody({ deletion, words }: { deletion: Deletion; words: DeletionWords }) {
  const { app, keepUrl } = deletion;
  return (
    <Layout
      title={words.subject}
      preheader={`${words.preheader} ${canBeKept(deletion)}`}
      footer={footer(deletion)}
      brand={app.name}
    >
      <Title>{words.title}</Title>
      <Paragraph>{words.opening}</Paragraph>
      <Paragraph>{announcement(deletion)}</Paragraph>
      <Facts facts={facts(deletion)} />
      <Subtitle>If you want to keep it</Subtitle>
      <Paragraph>
        {howToKeep(deletion)} {subscribed}
      </Paragraph>
      {keepUrl === null ? null : <Action href={keepUrl}>Keep my team</Action>}
      <Subtitle>If you do not</Subtitle>
      <Paragraph>{otherwise}</Paragraph>
    </Layout>
  );
}

/** The same as text. */
export function deletionText(deletion: Deletion, words: DeletionWords): string {
  const { keepUrl } = deletion;
  return [
    `${words.title}.`,
    words.opening,
    announcement(deletion),
    factLines(facts(deletion)),
    `IF YOU WANT TO KEEP IT\n\n${howToKeep(deletion)}\n${subscribed}`,
    ...(keepUrl === null ? [] : [`Keep my team:\n  ${keepUrl}`]),
    `IF YOU DO NOT\n\n${otherwise}`,
    `-- \n${footer(deletion)}`,
  ].join('\n\n');
}

const subscribed = 'Once it has subscribed, it is never deleted in this way.';

const otherwise =
  'There is nothing to do. A deleted team cannot be brought back, so save what you still need before then. ' +
  "Its owner's account may be deleted with it, if it is in no other team.";

function canBeKept({ keepUrl }: Deletion): string {
  const how = keepUrl === null ? 'by subscribing, or by answering this mail' : 'with one button';
  return `You can keep it ${how}.`;
}

function announcement({ deleteAfter, timeZone }: Deletion): string {
  const { day, time, zone } = momentIn(deleteAfter, timeZone);
  return `We will delete it and everything in it after ${day} at ${time} (${zone}), and not before.`;
}

function facts({ teamName, createdAt, deleteAfter, timeZone }: Deletion): Fact[] {
  const created = momentIn(createdAt, timeZone);
  const { day, time, zone } = momentIn(deleteAfter, timeZone);
  return [
    ...(teamName === null ? [] : [['Team', teamName] as const]),
    ['Created', `${created.day} (${created.zone})`],
    ['Subscription', 'none so far'],
    ['Deleted after', `${day} at ${time} (${zone})`],
  ];
}

function howToKeep({ keepUrl }: Deletion): string {
  return keepUrl === null
    ? 'Subscribe, or answer this mail and we keep it for you.'
    : 'On the page below, one press keeps it for another while, with all that is in it. You pay nothing and need not log in.';
}

function footer({ app, teamName }: Deletion): string {
  const whose = teamName === null ? 'a team' : `the team ${teamName}`;
  return `You get this because ${whose} on ${app.name} is yours to decide on, and nothing should be deleted without a word.`;
}
