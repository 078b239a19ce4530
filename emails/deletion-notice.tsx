import { type Deletion, DeletionBody, deletionText, type DeletionWords } from './components/deletion.tsx';
import { momentIn } from './components/moment.ts';
import type { Mail } from './mail.ts';

/** To a team's owner: the team will be deleted, when and why, and how to keep it. */
export default function DeletionNoticeMail(props: Deletion) {
  return <DeletionBody deletion={props} words={words(props)} />;
}

function words({ app, teamName, deleteAfter, timeZone }: Deletion): DeletionWords {
  const team = teamName === null ? 'Your team' : `Your team ${teamName}`;
  return {
    subject: `Your ${app.name} team will be deleted after ${momentIn(deleteAfter, timeZone).shortDay}`,
    title: 'Your team will be deleted, unless you keep it',
    preheader: 'It has never subscribed.',
    opening: `${team} has never subscribed to ${app.name}.`,
  };
}

const previewProps: Deletion = {
  app: { name: 'Acme Boards', url: 'https://app.example.com/settings/billing' },
  timeZone: 'Europe/Berlin',
  teamName: 'Harbour Design',
  createdAt: new Date('2025-09-02T08:12:00Z'),
  deleteAfter: new Date('2026-03-14T08:26:53Z'),
  keepUrl: 'https://evenfall.example.com/keep/48213-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG',
};

export const mail: Mail<Deletion> = {
  subject: (props) => words(props).subject,
  text: (props) => deletionText(props, words(props)),
  Body: DeletionNoticeMail,
  previewProps,
};
