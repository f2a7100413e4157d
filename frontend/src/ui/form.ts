import type { Problem } from '../http.ts';

/**
 * Field → what is wrong with it, from a 422. Fields are dotted paths, as the API names them. words: what to say of a
 * field in another language than the API's, which is English.
 */
export function fieldErrors(problem: Problem | null, words: Record<string, string>): Record<string, string> {
  return Object.fromEntries((problem?.errors ?? []).map(({ field, message }) => [field, words[field] ?? message]));
}

/** After a refused form: the focus goes to the first field that is wrong. */
export function focusFirstInvalid(form: HTMLFormElement | null): void {
  requestAnimationFrame(() => form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}
