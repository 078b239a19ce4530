import type { DeadLetterAlert } from '../src/core/alert.ts';
import { Action } from './components/action.tsx';
import { type Fact, factLines, Facts } from './components/facts.tsx';
import { Layout } from './components/layout.tsx';
import { Command, Paragraph, Subtitle, Title } from './components/text.tsx';
import type { Mail } from './mail.ts';

export interface DeadLetterAlertProps extends DeadLetterAlert {
  /** What to type to look at it and to run it again. */
  readonly commands: { readonly show: string; readonly replay: string };
  /** Bull Board, where its entry and its log are. */
  readonly boardUrl?: string;
}

/** To the operators: a job gave up, and a person must look. */
export default function DeadLetterAlertMail(props: DeadLetterAlertProps) {
  return (
    <Layout title={subject(props)} preheader={summary(props)} footer={footer(props)}>
      <Title label={`Dead letter ${props.deadLetterId}`}>{props.kind} gave up</Title>
      <Paragraph>{props.error.message}</Paragraph>
      <Facts facts={jobFacts(props)} />
      <Subtitle>Why</Subtitle>
      <Facts facts={errorFacts(props)} />
      <Subtitle>What to do</Subtitle>
      <Command does="Look at it:" command={props.commands.show} />
      <Command does="Run it again, once the cause is mended:" command={props.commands.replay} />
      {props.error.url === undefined ? null : <Action href={props.error.url}>{placeOf(props)}</Action>}
      {props.boardUrl === undefined ? null : (
        <Action href={props.boardUrl} quiet>
          Look at it in Bull Board
        </Action>
      )}
    </Layout>
  );
}

function subject(props: DeadLetterAlertProps): string {
  const whose = props.teamId === null ? '' : ` for team ${props.teamId}`;
  return `[Evenfall] ${props.kind}${whose} gave up: ${props.error.class} (dead letter ${props.deadLetterId})`;
}

function text(props: DeadLetterAlertProps): string {
  const links = [
    ...(props.error.url === undefined ? [] : [`${placeOf(props)}:\n  ${props.error.url}`]),
    ...(props.boardUrl === undefined ? [] : [`Look at it in Bull Board:\n  ${props.boardUrl}`]),
  ];
  return [
    `${props.kind} gave up.`,
    props.error.message,
    factLines(jobFacts(props)),
    `WHY\n\n${factLines(errorFacts(props))}`,
    `WHAT TO DO`,
    `Look at it:\n  ${props.commands.show}`,
    `Run it again, once the cause is mended:\n  ${props.commands.replay}`,
    ...links,
    `-- \n${footer(props)}`,
  ].join('\n\n');
}

function summary(props: DeadLetterAlertProps): string {
  return `${props.error.message} Job ${props.jobId}, ${tries(props)}.`;
}

function footer(props: DeadLetterAlertProps): string {
  return (
    `You get this because your address is set to hear of jobs that gave up. ` +
    `This alert may reach you twice; its id is the same then: ${props.id}`
  );
}

function jobFacts(props: DeadLetterAlertProps): Fact[] {
  return [
    ['Kind', props.kind],
    ['Job', String(props.jobId)],
    ['Team', props.teamId ?? 'none'],
    ['Dead since', `${moment(props.at)}, after ${tries(props)}`],
  ];
}

function errorFacts({ error }: DeadLetterAlertProps): Fact[] {
  const facts: [string, string | number | undefined][] = [
    ['Class', error.class],
    ['About', error.subject],
    ['Type', error.type],
    ['Code', error.code],
    ['Param', error.param],
    ['HTTP status', error.httpStatus],
    ['Request id', error.requestId],
  ];
  return facts.flatMap(([term, detail]) => (detail === undefined ? [] : [[term, String(detail)] as const]));
}

function placeOf({ error }: DeadLetterAlertProps): string {
  return error.requestId?.startsWith('req_') ? "Open Stripe's log of it" : 'Read on';
}

function tries({ attempts }: DeadLetterAlertProps): string {
  return attempts === 1 ? '1 attempt' : `${attempts} attempts`;
}

const inUtc = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' });

function moment(at: Date): string {
  return `${inUtc.format(at)} UTC`;
}

const previewProps: DeadLetterAlertProps = {
  id: 'dead-letter-17',
  deadLetterId: 17,
  jobId: 48213,
  kind: 'cancel-subscription',
  teamId: '3021',
  attempts: 6,
  at: new Date('2026-03-14T09:26:53Z'),
  error: {
    class: 'stripe_refused',
    message: 'Stripe refused for good to cancel the subscription.',
    type: 'invalid_request_error',
    code: 'resource_missing',
    param: 'subscription',
    httpStatus: 404,
    requestId: 'req_8sKq2LmZ0aVtYw',
    url: 'https://dashboard.stripe.com/test/logs/req_8sKq2LmZ0aVtYw',
    subject: 'subscription:sub_1QpX2hLkdIwHu7ix',
  },
  commands: { show: 'npx evenfall dead show 17', replay: 'npx evenfall dead replay 17' },
  boardUrl: 'https://evenfall.example.com/queues',
};

export const mail: Mail<DeadLetterAlertProps> = { subject, text, Body: DeadLetterAlertMail, previewProps };
