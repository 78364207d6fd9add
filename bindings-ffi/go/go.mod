module github.com/tidegate/tidegate-go

go 1.24
