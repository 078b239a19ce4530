interface Settings {
  readonly APP_CALLBACK_URL?: string | undefined;
  readonly APP_CALLBACK_SECRET?: string | undefined;
}

/** Loopback, a name that no public resolver knows (Compose's, a cluster's), or one that is reserved for private use. */
const localHost = /^(127(\.\d+){3}|\[::1\]|[\w-]+|.+\.(internal|local|localhost))$/;

/** What is wrong with how the app is to be asked before deletions; nothing of the URL is in it, nor of the secret. */
export function callbackProblems(settings: Settings, production: boolean): string[] {
  const { APP_CALLBACK_URL: text, APP_CALLBACK_SECRET: secret } = settings;
  if (text === undefined) {
    return secret === undefined ? [] : ['APP_CALLBACK_URL: is missing, and APP_CALLBACK_SECRET is set'];
  }
  const problems: string[] = [];
  const url = new URL(text);
  if (secret === undefined) problems.push('APP_CALLBACK_SECRET: is missing, and APP_CALLBACK_URL is set');
  // fetch refuses such a URL, each time
  if (url.username !== '' || url.password !== '') {
    problems.push('APP_CALLBACK_URL: must have no log-in in it: the app knows by the signature who asks');
  }
  if (production && url.protocol !== 'https:' && !localHost.test(url.hostname)) {
    problems.push('APP_CALLBACK_URL: must be https in production, unless its host is local');
  }
  return problems;
}
