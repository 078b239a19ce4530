import { variables } from '../src/config.ts';

/** The text of .env.example, from the same table that the program reads its variables by. */
export function envExample(): string {
  const lines = ['# Every variable that Evenfall reads. Empty is the same as unset.'];
  for (const [name, schema] of Object.entries(variables)) {
    lines.push('', `# ${String(schema.meta()?.['about'] ?? '')}`, `${name}=`);
  }
  return `${lines.join('\n')}\n`;
}

/** The same as a Markdown table, for the README. */
export function envTable(): string {
  const rows = Object.entries(variables).map(([name, schema]) => {
    const about = String(schema.meta()?.['about'] ?? '').replaceAll('|', '\\|');
    return `| \`${name}\` | ${about} |`;
  });
  return ['| variable | |', '| --- | --- |', ...rows].join('\n');
}
