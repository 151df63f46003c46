/** The tables of the service's database. */
export interface Tables {
  users: User
}

export interface User {
  id: string
  name: string
  email: string
}
