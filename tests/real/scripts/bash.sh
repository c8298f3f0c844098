# Run by bash-static, with nothing but what is built into it.
set -u

declare -a list
for ((i = 0; i < 25000; i++)); do
    list[i]=$((i * 7919 % 25013))
done
sum=0
for x in "${list[@]}"; do
    ((sum += x))
done
echo "sum $sum of ${#list[@]}"

declare -A words
for ((i = 0; i < 10000; i++)); do
    words[word$((i % 5000))]+="$i,"
done
echo "words ${#words[@]}, one of them: ${words[word4321]}"

text=
for ((i = 0; i < 1000; i++)); do
    text+="line $i of the text"$'\n'
done
echo "text ${#text}, ${text:980:28}"
count=0
while read -r _ number rest; do
    ((count += number))
done <<<"$text"
echo "counted $count"

fibonacci() {
    (($1 < 2)) && echo "$1" && return
    echo $(($(fibonacci $(($1 - 1))) + $(fibonacci $(($1 - 2)))))
}
echo "fibonacci by subshells: $(fibonacci 7)"

trap 'echo "trapped"' USR1
kill -USR1 $$
(exit 7)
echo "status $?"
for i in 1 2 3; do
    (exit "$i") &
done
wait
echo {a..e}{1..3}
printf '%s\n' "${list[@]:0:1000}" | while read -r x; do ((x % 1000 == 0)) && echo "thousand: $x"; done
[[ "faultline" =~ ^f(.*)e$ ]] && echo "matched ${BASH_REMATCH[1]}"
exit 3
