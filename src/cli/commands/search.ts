// hubctl search: which images match a word, on Docker Hub or in a registry?
import { HubError } from '../../errors.ts';
import { parseIndexUrl, searchIndex, searchRegistry, type SearchRequest } from '../../hub/search.ts';
import { parseSearchFilters, parseSearchTerm, type SearchFilters, type SearchHit } from '../../hub/search-query.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import type { Context } from '../context.ts';
import type { Column } from '../output/output.ts';
import { registryName } from '../registry-name.ts';

const HUB_INDEX = 'https://index.docker.io/v1/';
const DEFAULT_LIMIT = 25;
const MOST = 1000;
/** Columns of the screen for a description, as docker has it. */
const DESCRIPTION_WIDTH = 45;

export const command: CommandSpec = defineCommand({
  name: 'search',
  summary: 'Search Docker Hub or a registry for images',
  details:
    'A TERM is searched on Docker Hub, HOST/TERM in a registry, and HOST/ lists all of it. A registry that cannot search ' +
    'is asked for its catalog: its repositories have no description and 0 stars. Filters are applied before the limit, so ' +
    'more pages of the index are read until enough images passed. Another index than that of Docker Hub, such as a ' +
    'mirror, is named by --index or HUBCTL_INDEX; a login for its host is sent to it. With --json an array of {name, ' +
    'description, stars, official, automated}.',
  arguments: [{ name: '[HOST/]TERM', help: 'what to search for, in names and descriptions' }],
  flags: {
    filter: {
      kind: 'strings',
      short: 'f',
      value: 'KEY=VALUE',
      help: 'stars=N (at least), is-official=BOOL or is-automated=BOOL; may be repeated',
    },
    stars: { kind: 'number', short: 's', value: 'N', help: 'only images with at least N stars' },
    official: { kind: 'boolean', help: 'only official images' },
    automated: { kind: 'boolean', help: 'only automated builds; Docker Hub no longer marks any' },
    limit: { kind: 'number', value: 'N', help: `images shown at most, 1 to ${MOST} (default ${DEFAULT_LIMIT})` },
    'no-trunc': { kind: 'boolean', help: 'show descriptions in full' },
    index: { kind: 'string', value: 'URL', help: `index to search (default ${HUB_INDEX}, or HUBCTL_INDEX)` },
  },
  examples: [
    { command: 'hubctl search --stars 10 centos', does: 'images about centos with at least 10 stars' },
    {
      command: 'hubctl search --official --limit 100 database',
      does: 'official images, read from as many pages as needed',
    },
    { command: 'hubctl search localhost:5000/app', does: 'repositories of a registry with app in their name' },
  ],
  run: async (context, [text = ''], flags) => {
    const { registry, words } = parseSearchTerm(text);
    const { stars, official, automated, limit = DEFAULT_LIMIT } = flags;
    if (!Number.isInteger(limit) || limit < 1 || limit > MOST) {
      throw new HubError('USAGE', `limit ${limit} is outside the range of [1, ${MOST}]`);
    }
    const filters = parseSearchFilters([...flags.filter, ...asFilters({ stars, official, automated })]);
    const request = { words, limit, filters, signal: context.signal };
    const index = flags.index ?? context.io.env['HUBCTL_INDEX'] ?? '';
    const hits =
      registry === undefined
        ? await searchHub(context, index === '' ? HUB_INDEX : index, request)
        : await searchHost(context, registry, request);
    print(context, hits, { truncate: !flags['no-trunc'] });
  },
});

interface Shorthands {
  readonly stars: number | undefined;
  readonly official: boolean;
  readonly automated: boolean;
}

function asFilters({ stars, official, automated }: Shorthands): readonly string[] {
  return [
    ...(stars === undefined ? [] : [`stars=${stars}`]),
    ...(official ? ['is-official=true'] : []),
    ...(automated ? ['is-automated=true'] : []),
  ];
}

async function searchHub(context: Context, index: string, request: SearchRequest): Promise<readonly SearchHit[]> {
  warnAutomated(context, request.filters);
  const url = parseIndexUrl(index);
  const { send } = await context.registries();
  const { find } = await context.credentials();
  return searchIndex({ url, send, find, onWarning: (text) => context.output.warn(text) }, request);
}

async function searchHost(context: Context, host: string, request: SearchRequest): Promise<readonly SearchHit[]> {
  return searchRegistry((await context.registries()).registry(registryName(host)), request);
}

function warnAutomated({ output }: Context, { automated }: SearchFilters): void {
  if (automated !== true) return;
  output.warn('automated builds are deprecated: Docker Hub marks no image as automated, so this finds none there');
}

function print({ output }: Context, hits: readonly SearchHit[], options: { readonly truncate: boolean }): void {
  if (output.json) return output.value(hits);
  if (output.quiet) {
    for (const { name } of hits) output.line(name);
    return undefined;
  }
  const mark = output.format === 'json' ? String : (value: boolean): string => (value ? '[OK]' : '');
  const columns: readonly Column<SearchHit>[] = [
    { header: 'NAME', key: 'Name', value: (hit) => hit.name },
    { header: 'DESCRIPTION', key: 'Description', value: (hit) => hit.description, width: DESCRIPTION_WIDTH },
    { header: 'STARS', key: 'StarCount', value: (hit) => String(hit.stars) },
    { header: 'OFFICIAL', key: 'IsOfficial', value: (hit) => mark(hit.official) },
    { header: 'AUTOMATED', key: 'IsAutomated', value: (hit) => mark(hit.automated) },
  ];
  return output.table(hits, columns, options);
}
