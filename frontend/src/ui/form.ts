import type { Problem } from '../http.ts';

/**
 * Return what is wrong with each field, from a 422. Fields are dotted paths, as the API names them. words: what to say of a
 * field in another language than the API's, which is English.
 */
export function fieldErrors(problem: Problem | null, words: Record<string, string>): Record<string, string> {
  return Object.fromEntries((problem?.errors ?? []).map(({ field, message }) => [field, words[field] ?? message]));
}

/** Move the focus to the first field that is wrong, after a refused form. */
export function focusFirstInvalid(form: HTMLFormElement | null): void {
  requestAnimationFrame(() => form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}
