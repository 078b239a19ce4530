import type { FindingAlert } from '../src/core/alert.ts';
import { findingKinds } from '../src/core/finding.ts';
import { type Fact, factLines, Facts } from './components/facts.tsx';
import { Layout } from './components/layout.tsx';
import { Command, Paragraph, Subtitle, Title } from './components/text.tsx';
import type { Mail } from './mail.ts';

export interface FindingAlertProps extends FindingAlert {
  /** What to type to look into it and to be done with it; null where it does not apply. */
  readonly commands: {
    readonly acknowledge: string;
    readonly timeline: string | null;
    readonly fuseStatus: string | null;
    readonly fuseRelease: string | null;
    readonly fuseSpread: string | null;
  };
}

/** To the operators: something was found that a person must look at, though no job is dead. */
export default function FindingAlertMail(props: FindingAlertProps) {
  return (
    <Layout title={subject(props)} preheader={summary(props)} footer={footer(props)}>
      <Title label={`Finding ${props.findingId}`}>{headline(props)}</Title>
      <Paragraph>{props.message}</Paragraph>
      <Facts facts={facts(props)} />
      <Subtitle>What to do</Subtitle>
      {steps(props).map(([does, command]) => (
        <Command key={command} does={does} command={command} />
      ))}
    </Layout>
  );
}

function subject(props: FindingAlertProps): string {
  return `[Evenfall] Please look: ${props.kind}, ${props.subject} (finding ${props.findingId})`;
}

function text(props: FindingAlertProps): string {
  return [
    headline(props),
    props.message,
    factLines(facts(props)),
    `WHAT TO DO`,
    ...steps(props).map(([does, command]) => `${does}\n  ${command}`),
    `-- \n${footer(props)}`,
  ].join('\n\n');
}

/** What every finding of the kind has in common; a kind that this version does not know yet has its name alone. */
function headline({ kind }: FindingAlertProps): string {
  const headlines: Readonly<Record<string, string>> = findingKinds;
  return headlines[kind] ?? kind;
}

function summary(props: FindingAlertProps): string {
  return `${props.message} Found ${moment(props.at)}.`;
}

function footer(props: FindingAlertProps): string {
  return (
    `You get this because your address is set to hear of what a person must look at. ` +
    `This alert may reach you twice; its id is the same then: ${props.id}`
  );
}

function facts(props: FindingAlertProps): Fact[] {
  return [
    ['Kind', props.kind],
    ['About', props.subject],
    ['Team', props.teamId ?? 'none'],
    ['Found', moment(props.at)],
  ];
}

type Step = readonly [does: string, command: string];

function steps({ commands }: FindingAlertProps): Step[] {
  const all: [string, string | null][] = [
    ['See what happened to the team, and why:', commands.timeline],
    ['See the fuse and what it counted:', commands.fuseStatus],
    ['Let the kind go on, if all of it is meant:', commands.fuseRelease],
    ['Or not all at once, but so many a day:', commands.fuseSpread],
    ['Say that you have seen to it:', commands.acknowledge],
  ];
  return all.flatMap(([does, command]) => (command === null ? [] : [[does, command] as const]));
}

const inUtc = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' });

function moment(at: Date): string {
  return `${inUtc.format(at)} UTC`;
}

const previewProps: FindingAlertProps = {
  id: 'finding-17',
  findingId: 17,
  kind: 'stripe-veto',
  subject: 'team:3021',
  teamId: '3021',
  message:
    'Team 3021 was about to be deleted, and Stripe has the live subscription sub_1QpX2hLkdIwHu7ix: see whose it is.',
  at: new Date('2026-03-14T09:26:53Z'),
  commands: {
    acknowledge: 'npx evenfall findings ack 17 --why TEXT',
    timeline: 'npx evenfall timeline team:3021',
    fuseStatus: null,
    fuseRelease: null,
    fuseSpread: null,
  },
};

export const mail: Mail<FindingAlertProps> = { subject, text, Body: FindingAlertMail, previewProps };
