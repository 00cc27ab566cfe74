/** The account files of an image; empty for a file that it does not have. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

/**
 * Returns the user that a container runs as, as numeric `uid:gid`. undefined for root, and for a
 * name that the image does not know. `user` is Docker's value: a name or a number, with or without
 * a group. Source: Docker's own rules (moby/sys `user.GetExecUser`).
 */
export function numericOwner(user: string, files: AccountFiles): string | undefined {
  const [name = '', groupName = ''] = user.split(':', 2);
  const account = accountOf(name, files);
  const uid = Number(account.uid);
  const gid = groupName === '' ? account.gid : groupId(groupName, files);
  return uid > 0 && gid !== undefined ? `${uid}:${gid}` : undefined;
}

/** Finds an account. One that is not listed has no name and root's group. */
function accountOf(name: string, { passwd }: AccountFiles) {
  const [, , uid = name, gid = '0'] =
    linesOf(passwd).find(([known, , number]) => name !== '' && [known, number].includes(name)) ??
    [];
  return { uid: numberOf(uid), gid: numberOf(gid) };
}

function groupId(name: string, { group }: AccountFiles): string | undefined {
  const found = linesOf(group).find(([known, , gid]) => name === known || name === gid);
  return numberOf(found?.[2] ?? name);
}

function linesOf(text: string): readonly (readonly string[])[] {
  return text.split('\n').map((line) => line.split(':'));
}

function numberOf(text: string): string | undefined {
  return /^\d{1,10}$/.test(text) ? text : undefined;
}
