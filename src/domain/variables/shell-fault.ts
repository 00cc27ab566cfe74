/** Why a text cannot be expanded as a shell would. Thrown and caught within an expansion. */
export class ShellFault extends Error {}
