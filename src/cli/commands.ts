// Which commands are there, what is each for, and where is it?
import type { CommandSpec } from './command.ts';

export const GROUPS = {
  common: 'Common Commands',
  registry: 'Registry Commands',
  images: 'Local Image Commands',
  accounts: 'Account Commands',
  other: 'Other Commands',
} as const;

export interface CommandEntry {
  /** One line, at most 60 columns. */
  readonly summary: string;
  readonly group: keyof typeof GROUPS;
  /** Other words for the same command. */
  readonly aliases?: readonly string[] | undefined;
  readonly load: () => Promise<{ readonly command: CommandSpec }>;
}

/** Every command under the words that help shows. Nothing is loaded before it is needed. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  login: {
    summary: 'Log in to a registry',
    group: 'common',
    load: () => import('./commands/login.ts'),
  },
  logout: {
    summary: 'Forget the credentials for a registry',
    group: 'common',
    load: () => import('./commands/logout.ts'),
  },
  search: {
    summary: 'Search Docker Hub or a registry for images',
    group: 'common',
    load: () => import('./commands/search.ts'),
  },
  pull: {
    summary: 'Download images from a registry',
    group: 'common',
    aliases: ['image pull'],
    load: () => import('./commands/pull.ts'),
  },
  push: {
    summary: 'Upload images to a registry',
    group: 'common',
    aliases: ['image push'],
    load: () => import('./commands/push.ts'),
  },
  copy: {
    summary: 'Copy an image from one place to another',
    group: 'common',
    aliases: ['cp'],
    load: () => import('./commands/copy.ts'),
  },
  tag: {
    summary: 'Give a local image another name',
    group: 'common',
    aliases: ['image tag'],
    load: () => import('./commands/tag.ts'),
  },
  images: {
    summary: 'List local images',
    group: 'common',
    aliases: ['image ls', 'image list'],
    load: () => import('./commands/image/ls.ts'),
  },
  tags: {
    summary: 'List the tags of a repository',
    group: 'registry',
    load: () => import('./commands/tags.ts'),
  },
  catalog: {
    summary: 'List the repositories of a registry',
    group: 'registry',
    load: () => import('./commands/catalog.ts'),
  },
  digest: {
    summary: 'Show the digest a tag has now',
    group: 'registry',
    load: () => import('./commands/digest.ts'),
  },
  manifest: {
    summary: 'Print a manifest as the registry has it',
    group: 'registry',
    aliases: ['manifest inspect'],
    load: () => import('./commands/manifest.ts'),
  },
  config: {
    summary: 'Print the configuration of an image',
    group: 'registry',
    load: () => import('./commands/config.ts'),
  },
  serve: {
    summary: 'Run a registry on this machine',
    group: 'registry',
    load: () => import('./commands/serve.ts'),
  },
  inspect: {
    summary: 'Show everything about images, local or remote',
    group: 'images',
    aliases: ['image inspect'],
    load: () => import('./commands/inspect.ts'),
  },
  history: {
    summary: 'Show how an image was built, step by step',
    group: 'images',
    aliases: ['image history'],
    load: () => import('./commands/history.ts'),
  },
  save: {
    summary: 'Write images to a tar archive',
    group: 'images',
    aliases: ['image save'],
    load: () => import('./commands/save.ts'),
  },
  load: {
    summary: 'Read images from a tar archive',
    group: 'images',
    aliases: ['image load'],
    load: () => import('./commands/load.ts'),
  },
  import: {
    summary: 'Make an image from the files in a tar archive',
    group: 'images',
    aliases: ['image import'],
    load: () => import('./commands/import.ts'),
  },
  rmi: {
    summary: 'Remove local images',
    group: 'images',
    aliases: ['image rm', 'image remove'],
    load: () => import('./commands/image/rm.ts'),
  },
  'image prune': {
    summary: 'Remove local images without a name, and unused layers',
    group: 'images',
    load: () => import('./commands/image/prune.ts'),
  },
  'store verify': {
    summary: 'Check all content of the local store, and repair it',
    group: 'images',
    load: () => import('./commands/store/verify.ts'),
  },
  'store gc': {
    summary: 'Remove content that no image needs from the local store',
    group: 'images',
    load: () => import('./commands/store/gc.ts'),
  },
  'store df': {
    summary: 'Show how much disk the local store uses',
    group: 'images',
    load: () => import('./commands/store/df.ts'),
  },
  'auth ls': {
    summary: 'List the registries there are credentials for',
    group: 'accounts',
    aliases: ['auth list'],
    load: () => import('./commands/auth/ls.ts'),
  },
  'auth whoami': {
    summary: 'Show which account a registry would see',
    group: 'accounts',
    load: () => import('./commands/auth/whoami.ts'),
  },
  doctor: {
    summary: 'Find out what keeps an image or a registry from working',
    group: 'other',
    load: () => import('./commands/doctor.ts'),
  },
  completion: {
    summary: 'Print a completion script for a shell',
    group: 'other',
    load: () => import('./commands/completion.ts'),
  },
  help: {
    summary: 'Show help for a command or a topic',
    group: 'other',
    load: () => import('./commands/help.ts'),
  },
  version: {
    summary: 'Show the version',
    group: 'other',
    load: () => import('./commands/version.ts'),
  },
};

/** All words a command answers to, the ones of the table first. */
export function namesOf(name: string): readonly string[] {
  return [name, ...(COMMANDS[name]?.aliases ?? [])];
}
