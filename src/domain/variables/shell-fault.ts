/** Why a text cannot be expanded as a shell would: thrown inside of an expansion, and caught by it. */
export class ShellFault extends Error {}
