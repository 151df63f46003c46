/** A request the registry refuses, with Consul's status and text: clients act on both (python-consul, Spring, npm consul). */
export class Refusal extends Error {
  readonly status: number

  constructor(status: number, text: string) {
    super(text)
    this.name = 'Refusal'
    this.status = status
  }
}
