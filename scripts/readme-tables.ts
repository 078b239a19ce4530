import { allJobs } from '../jobs/index.ts';
import { envTable } from './env-example.ts';

/** The README with its generated tables as the code has them now. */
export function withTables(readme: string): string {
  return replaceBlock(replaceBlock(readme, 'kinds', kindsTable()), 'environment', envTable());
}

function kindsTable(): string {
  const rows = allJobs.map((job) => `| [\`${job.name}\`](jobs/${job.name}.ts) | ${job.summary} |`);
  return ['| kind | |', '| --- | --- |', ...rows].join('\n');
}

function replaceBlock(text: string, name: string, content: string): string {
  const block = new RegExp(`(<!-- generated: ${name} -->\\n)[\\s\\S]*?(<!-- end -->)`);
  if (!block.test(text)) throw new Error(`the README has no block "generated: ${name}"`);
  return text.replace(block, (_match, begin: string, end: string) => `${begin}${content}\n${end}`);
}
