/** Who did something: people by their names, machines by a prefix. An actor is a word that came from outside; it proves nothing. */

/** What a playbook is called where it acts. */
export function playbookActor(name: string): string {
  return `playbook:${name}`
}

/** Rules and playbooks act by themselves; anybody else is taken for a person. */
export function isMachine(actor: string): boolean {
  return /^(rule|playbook):/.test(actor)
}
