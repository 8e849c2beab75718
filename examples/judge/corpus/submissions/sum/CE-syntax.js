console.log(5
