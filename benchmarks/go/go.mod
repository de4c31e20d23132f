module ddd

go 1.19
