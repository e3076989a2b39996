// What may a token be used for? Scopes such as `repository:library/alpine:pull,push`.

interface Scope {
  /** Type and name: `repository:library/alpine`. */
  readonly resource: string;
  readonly actions: readonly string[];
}

/**
 * Scopes without repetition, in the order of their first appearance, because some registries read only the first: actions
 * on the same resource are joined, and `*` stands for all of them [distribution token scope].
 */
export function mergeScopes(scopes: readonly string[]): readonly string[] {
  const merged = new Map<string, Set<string>>();
  for (const { resource, actions } of scopes.flatMap(splitScopes).map(parseScope)) {
    const known = merged.get(resource) ?? new Set();
    for (const action of actions) known.add(action);
    merged.set(resource, known);
  }
  return [...merged].map(([resource, actions]) => formatScope(resource, actions));
}

/** True when a token for the scopes `granted` also allows everything in `wanted`. */
export function coversScopes(granted: readonly string[], wanted: readonly string[]): boolean {
  const grants = new Map(granted.map(parseScope).map(({ resource, actions }) => [resource, new Set(actions)]));
  return wanted.map(parseScope).every(({ resource, actions }) => {
    const grant = grants.get(resource);
    return grant !== undefined && (grant.has('*') || actions.every((action) => grant.has(action)));
  });
}

/** One challenge may name several scopes in one value, separated by blanks. */
function splitScopes(text: string): readonly string[] {
  return text.split(/\s+/).filter((scope) => scope !== '');
}

/** A name may hold a port, so the first and the last colon count. Text without actions stands for itself. */
function parseScope(text: string): Scope {
  const last = text.lastIndexOf(':');
  const actions = text
    .slice(last + 1)
    .split(',')
    .filter(Boolean);
  const hasActions = last > text.indexOf(':') && actions.length > 0;
  return hasActions ? { resource: text.slice(0, last), actions } : { resource: text, actions: [] };
}

function formatScope(resource: string, actions: ReadonlySet<string>): string {
  if (actions.size === 0) return resource;
  return `${resource}:${actions.has('*') ? '*' : [...actions].join(',')}`;
}
