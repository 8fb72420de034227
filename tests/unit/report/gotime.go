// gotime.go - writes the lines of gotime.txt: go run gotime.go 300
//go:build ignore

package main

import (
	"bufio"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"
)

var tokens = []string{"2006", "06", "01", "1", "Jan", "January", "02", "2", "_2", "__2", "002", "Mon", "Monday",
	"15", "03", "3", "04", "4", "05", "5", "PM", "pm", "MST", "Z0700", "Z070000", "Z07", "Z07:00", "Z07:00:00",
	"-0700", "-070000", "-07", "-07:00", "-07:00:00", ".000", ",000", ".999999999", ",99", ".0", ".000000000000",
	".9", ".00000000000", "_2006", "_", "__", "-", "-", ".", ",", "snmp", "log", ".log", "kcp-", "Z", "M", "J", "P", "p", "0", "00", "7", "8", "9",
	"6", "20", "200", "Janet", "Month", "MSTx", "Janv", "Mo", "AM", "am", " ", ":", "/", "T", "+07", "Z7", "-7", "é", "%Y", "x", "y"}

var zones = []struct {
	n string
	o int
}{{"UTC", 0}, {"CET", 3600}, {"CEST", 7200}, {"MST", -7 * 3600}, {"+0545", 20700}, {"-0930", -34200}, {"LMT", 1172}, {"LMT", -17762}, {"", 5400}}

func layout(r *rand.Rand) string {
	n := 1 + r.Intn(6)
	s := ""
	for i := 0; i < n; i++ {
		s += tokens[r.Intn(len(tokens))]
	}
	return s
}

func emit(w *bufio.Writer, t int64, ns int64, z int, l string) {
	loc := time.FixedZone(zones[z].n, zones[z].o)
	name := zones[z].n
	if name == "" {
		name = "?"
	}
	fmt.Fprintf(w, "%d %d %d %s|%s|%s\n", t, ns, zones[z].o, name, l, time.Unix(t, ns).In(loc).Format(l))
}

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	r := rand.New(rand.NewSource(20210922))
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	hand := []string{"snmp-20060102.log", "snmp-2006-01-02T15.log", "20060102150405", "kcp_2006_01.csv", "Mon Jan _2 15:04:05 2006",
		"Mon, 02 Jan 2006 15:04:05 MST", "2006-01-02T15:04:05.999999999Z07:00", "3:04PM", "snmp.log", "02Jan06", "2006002", "2006-__2", "server1-20060102.log", "client.csv"}
	for _, l := range hand {
		emit(w, 1795418071, 123456000, 2, l)
		emit(w, 946684799, 0, 0, l)
	}
	for _, l := range tokens {
		emit(w, 1141264985, 7089, 3, l)
		emit(w, 1709164799, 120000000, 4, l)
	}
	for i := 0; i < n; i++ {
		l := layout(r)
		if strings.Contains(l, "|") {
			continue
		}
		ns := []int64{0, 1, 999999999, 120000000, int64(r.Intn(1000000000))}[r.Intn(5)]
		emit(w, r.Int63n(253402300799+62135596800)-62135596800+100000, ns, r.Intn(len(zones)), l)
	}
}
