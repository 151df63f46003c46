// An Express app as there are many: nothing in here knows of Skein, or of any registry.
import express from 'express'

const app = express()

app.get('/greeting/:id', async (request, response) => {
  const answer = await fetch(`http://users/user/${encodeURIComponent(request.params.id)}`)
  if (!answer.ok) return response.status(answer.status).json({ error: 'no such user' })
  const { name } = await answer.json()
  response.json({ greeting: `Hello, ${name}`, from: process.pid })
})

app.listen(process.env.PORT ?? 3000)
