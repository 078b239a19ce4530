/**
 * The reason why this Node cannot run Evenfall, or undefined. Asked before anything else is loaded: an older one
 * would fail somewhere in the middle, and late.
 */
export function nodeProblem(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 22)) return undefined;
  return (
    `Evenfall needs Node 22.22 or newer, and this is ${version}. ` +
    'In its own folder npm scripts and npx have the right one: `npx evenfall …`, `npm run demo`.'
  );
}
