// This is an Express that reads bodies before its Yoga does.

import express from 'express'
import { createYoga } from 'graphql-yoga'
import { options } from './yoga.ts'

const app = express()
app.use(express.json())
app.use('/graphql', createYoga(options) as unknown as express.RequestHandler)
app.listen(3000)
