import type { DeletionReminder } from '../src/core/mail.ts';
import { type Deletion, DeletionBody, deletionText, type DeletionWords } from './components/deletion.tsx';
import { daysUntil, momentIn } from './components/moment.ts';
import type { Mail } from './mail.ts';

export type DeletionReminderProps = Deletion & DeletionReminder;

/** To a team's owner, who was told before: the day is near, and how to keep the team. */
export default function DeletionReminderMail(props: DeletionReminderProps) {
  return <DeletionBody deletion={props} words={words(props)} />;
}

function words({ app, teamName, deleteAfter, timeZone, now }: DeletionReminderProps): DeletionWords {
  const team = teamName === null ? 'Your team' : `Your team ${teamName}`;
  return {
    subject: `Reminder: your ${app.name} team will be deleted after ${momentIn(deleteAfter, timeZone).shortDay}`,
    title: `Your team will be deleted ${daysUntil(deleteAfter, now, timeZone)}, unless you keep it`,
    preheader: 'This is the last mail about it before that day.',
    opening: `We have written about this before. ${team} has still not subscribed to ${app.name}, and nobody has kept it.`,
  };
}

const previewProps: DeletionReminderProps = {
  app: { name: 'Acme Boards', url: 'https://app.example.com/settings/billing' },
  now: new Date('2026-03-12T08:30:00Z'),
  timeZone: 'Europe/Berlin',
  teamName: 'Harbour Design',
  createdAt: new Date('2025-09-02T08:12:00Z'),
  deleteAfter: new Date('2026-03-14T08:26:53Z'),
  keepUrl: 'https://evenfall.example.com/keep/48213-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG',
};

export const mail: Mail<DeletionReminderProps> = {
  subject: (props) => words(props).subject,
  text: (props) => deletionText(props, words(props)),
  Body: DeletionReminderMail,
  previewProps,
};
