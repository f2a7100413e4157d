// What address a business's name could have. A suggestion for the eye: the rules are the API's.

const LONGEST = 32;

/** Return the plain label that comes nearest to a name: no accents, no spaces, no signs. May be empty. */
export function suggestedLabel(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/&/g, ' y ')
    .replace(/['’´`]/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, LONGEST)
    .replace(/^-+|-+$/g, '');
}

/** Return the address of another host of this deployment, seen from this page: the same scheme and the same port. */
export function besides(location: Pick<Location, 'protocol' | 'port'>, label: string, baseDomain: string): string {
  const port = location.port ? `:${location.port}` : '';
  return `${location.protocol}//${label}.${baseDomain}${port}/`;
}
