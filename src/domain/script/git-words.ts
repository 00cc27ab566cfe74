/**
 * What git says when it was not answered, or not to the end; a server that is there and refuses makes
 * it say otherwise. Source: git `http.c`, `remote-curl.c`, `fetch-pack.c`, `pkt-line.c`.
 */
const CUT_OFF: readonly RegExp[] = [
  // Of GitLab's answers only those that pass; a certificate that is not trusted does not.
  /^fatal: unable to access '[^\n]*': (?![^\n]*certificate)(?!The requested URL returned error: (?!408|429|5))/m,
  /^error: RPC failed; (?:curl|HTTP (?:408|429|5))/m,
  // Cut between the question for a password and the answer to it: GitLab itself says why it refuses.
  /(?<!^remote: [^\n]*\n)^fatal: Authentication failed for /m,
  /^fatal: (?:the remote end hung up unexpectedly|early EOF)/m,
  /^(?:fatal|error|fetch-pack): .*unexpected disconnect/m,
];

/** Whether git was kept from its repository by something that passes, by the last that it said. */
export function wasCutOff(said: string): boolean {
  return CUT_OFF.some((words) => words.test(said));
}
