throw new Error('no answer')
