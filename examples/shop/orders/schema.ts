/** The tables of the service's database. */
export interface Tables {
  orders: Order
}

export interface Order {
  id: string
  userId: string
  item: string
  quantity: number
}
