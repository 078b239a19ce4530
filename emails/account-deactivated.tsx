import type { AccountDeactivated } from '../src/core/mail.ts';
import type { App } from './app.ts';
import { Layout } from './components/layout.tsx';
import { Paragraph, Subtitle, Title } from './components/text.tsx';
import type { Mail } from './mail.ts';

export interface AccountDeactivatedProps extends AccountDeactivated {
  readonly app: App;
}

/** To somebody who has left: what has ended with the account, and the way back. */
export default function AccountDeactivatedMail(props: AccountDeactivatedProps) {
  const { app } = props;
  return (
    <Layout title={subject(props)} preheader={preheader(props)} footer={footer(props)} brand={app.name}>
      <Title>Your account is deactivated</Title>
      <Paragraph>{opening(props)}</Paragraph>
      <Paragraph>{charges(props)}</Paragraph>
      <Subtitle>If you want to come back</Subtitle>
      <Paragraph>{wayBack}</Paragraph>
      <Subtitle>If this was not you</Subtitle>
      <Paragraph>{notYou}</Paragraph>
    </Layout>
  );
}

const wayBack = 'Answer this mail or contact our support, and we will activate your account again.';

const notYou = 'Tell us in the same way, as soon as you can.';

function subject({ app }: AccountDeactivatedProps): string {
  return `Your ${app.name} account is deactivated`;
}

function text(props: AccountDeactivatedProps): string {
  return [
    'Your account is deactivated.',
    opening(props),
    charges(props),
    `IF YOU WANT TO COME BACK\n\n${wayBack}`,
    `IF THIS WAS NOT YOU\n\n${notYou}`,
    `-- \n${footer(props)}`,
  ].join('\n\n');
}

function preheader(props: AccountDeactivatedProps): string {
  return `${charges(props)} We are sorry to see you go.`;
}

function opening({ app }: AccountDeactivatedProps): string {
  return `We have deactivated your ${app.name} account, as you asked. We are sorry to see you go.`;
}

function charges({ cancelled }: AccountDeactivatedProps): string {
  if (cancelled === 0) return 'You will not be charged in the future.';
  return cancelled === 1
    ? 'Your subscription was cancelled, and you will not be charged again.'
    : `Your ${cancelled} subscriptions were cancelled, and you will not be charged again.`;
}

function footer({ app }: AccountDeactivatedProps): string {
  return `You get this once, because your account at ${app.name} was deactivated.`;
}

const previewProps: AccountDeactivatedProps = { app: { name: 'Acme Boards' }, cancelled: 1 };

export const mail: Mail<AccountDeactivatedProps> = {
  subject,
  text,
  Body: AccountDeactivatedMail,
  previewProps,
};
