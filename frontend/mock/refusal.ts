/** Stand for an answer that is a problem. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string | undefined;
  readonly errors: { field: string; message: string }[];

  constructor(status: number, code?: string, errors: { field: string; message: string }[] = [], detail = '') {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}
